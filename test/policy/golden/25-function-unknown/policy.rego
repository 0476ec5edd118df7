package customhouse

cheap(price) if price < 3

allow if cheep(1)

allow if data.controls.quotas.fits(1)
