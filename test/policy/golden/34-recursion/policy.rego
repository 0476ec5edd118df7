package customhouse

allow if permitted

permitted if not denied

denied if not allow
