package customhouse

import data.unused.thing

z := 1
