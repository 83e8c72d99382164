"""Write pseudo-random checkpoints: `python -m indextts.tiny OUT`, see `checkpoint/pseudo_checkpoint.py`."""

from .checkpoint.pseudo_checkpoint import main, write_checkpoint

__all__ = ["main", "write_checkpoint"]

if __name__ == "__main__":
    main()
