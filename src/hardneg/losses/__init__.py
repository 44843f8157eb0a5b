"""Losses: functions of a score matrix, blind to where its columns came from."""

from hardneg.losses.info_nce import InfoNCE

LOSSES = {"info_nce": InfoNCE}
