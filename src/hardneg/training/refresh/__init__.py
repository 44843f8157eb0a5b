"""Mining again while training, with the model as it is then."""

from hardneg.training.refresh.settings import Refresh

__all__ = ["Refresh"]
