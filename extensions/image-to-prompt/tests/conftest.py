"""What the tests of Image to prompt stand on."""

from webui.testing import *  # noqa: F403 - the fixtures
from webui.testing import use_add_on_of

use_add_on_of(__file__)
