package controls

residency := true
