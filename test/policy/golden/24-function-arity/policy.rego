package customhouse

cheap(price) if price < 3

allow if cheap(1, 2)
