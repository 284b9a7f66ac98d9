"""Named inputs of a job: files read lazily, FIFOs read as streams, and what arrives in them as rows.

Nothing is parsed here: `pairloom.formats` does that.
"""

from pairloom.channels.channel import PIPE_TIMEOUT_S, ChannelInput, Mode
from pairloom.channels.rows import ChannelRows, open_channel

__all__ = ["PIPE_TIMEOUT_S", "ChannelInput", "ChannelRows", "Mode", "open_channel"]
