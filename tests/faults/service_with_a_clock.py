"""`pairloom up` whose clock is off by the seconds that a file beside its folder holds."""

import sys
import time
from pathlib import Path

from pairloom.control_plane.app import Application
from pairloom.control_plane.opening import open_service
from pairloom.control_plane.running import listen, run
from pairloom.control_plane.settings import read_settings

_, _, data, _, port = sys.argv
folder = Path(data)
offset = folder.with_name("offset")


def clock():
    return time.time() + float(offset.read_text())


with (
    listen("127.0.0.1", int(port), allow_remote=False) as listener,
    open_service(folder, read_settings(folder), clock=clock) as service,
):
    sys.exit(run(Application(service), listener, print))
