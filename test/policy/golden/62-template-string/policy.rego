package customhouse

m := $"model {input.call.model"
