"""What the sensor says of itself: what went in, what was lost, how it fares."""
