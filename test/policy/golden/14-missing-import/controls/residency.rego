package controls.residency

satisfied if input.call.stream
