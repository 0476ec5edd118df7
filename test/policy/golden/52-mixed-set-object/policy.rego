package customhouse

models := {"gpt-4o", "claude": 2}
