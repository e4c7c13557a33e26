"""As on our own pages: 24 hours, and the zone beside the time, as whoever reads it may be anywhere."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i T"
TIME_FORMAT = "H:i"
