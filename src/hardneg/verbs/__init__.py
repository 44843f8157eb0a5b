"""Audits, calibrations and scores as users ask for them: what it costs, whether they agree, the work, its folder."""
