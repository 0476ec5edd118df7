package customhouse

deny if inptu.call.stream
