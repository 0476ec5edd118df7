"""Makes a virtual environment, once for all who ask for it at the same time: venv.py <folder> <requirement>..."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile

OPTIONS = ["-q", "--disable-pip-version-check", "--retries", "1", "--timeout", "10", "--only-binary", ":all:"]


def main(folder, requirements):
    with open(f"{folder}.lock", "w") as lock:
        # The kernel lets go of it when its holder dies.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(folder):
            make(folder, requirements)


def make(folder, requirements):
    fresh = tempfile.mkdtemp(prefix="venv-", dir=os.path.dirname(folder))
    try:
        subprocess.run([sys.executable, "-m", "venv", fresh], check=True)
        subprocess.run([f"{fresh}/bin/python", "-m", "pip", "install", *OPTIONS, *requirements], check=True)
        # Whoever finds the folder finds it whole.
        os.rename(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


try:
    main(sys.argv[1], sys.argv[2:])
except subprocess.CalledProcessError as error:
    # What failed has said why.
    sys.exit(error.returncode)
