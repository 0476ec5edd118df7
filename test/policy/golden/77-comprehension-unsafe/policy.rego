package customhouse

n := count({m | m := models[i]; i > limit})

models := ["a"]
