package controls.quotas

satisfied if data.org.limit > 3
