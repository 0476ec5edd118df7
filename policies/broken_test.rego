# A control whose conditions all fail inside a built-in function, as a policy with a mistake would.
package controls.broken

import data.customhouse.targets

satisfied[target.id] := to_number(target.provider) == 1 if some target in targets

obligations[target.id] := [] if some target in targets
