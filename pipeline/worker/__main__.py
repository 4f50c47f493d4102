"""`python -m pipeline.worker FOLDER`: started by `pipeline.worker.client`."""

import sys

from pipeline.worker.process import main

sys.exit(main(sys.argv[1:]))
