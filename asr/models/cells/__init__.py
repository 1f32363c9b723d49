"""Recurrent cells of one direction: what torch does not have, or has without zoneout and recurrent dropout."""
