"""Serves rails with NeMo Guardrails' own server: python serve.py CONFIGURATIONS HOST PORT

The command `nemoguardrails server` listens on every address, logs each text it checks and keeps each in memory for as
long as it runs. This starts the same server without any of it, and without usage statistics. Port 0 picks a free one.
"""

import logging
import os
import sys

os.environ["NEMO_GUARDRAILS_NO_USAGE_STATS"] = "1"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["NEMO_GUARDRAILS_DISABLE_CHAT_UI"] = "true"

import uvicorn  # noqa: E402
from nemoguardrails.rails.llm import llmrails  # noqa: E402
from nemoguardrails.server import api  # noqa: E402


class NoHistory(dict):
    """For the events of past conversations. A check has no past, and nothing would ever drop them."""

    def __setitem__(self, key, value):
        pass


class NoHistories(dict):
    def get(self, key, default=None):
        return NoHistory()


def main(configurations, host, port):
    api.app.rails_config_path = os.path.abspath(configurations)
    api.llm_rails_events_history_cache = NoHistories()
    # The server asks for verbose logs, texts included, whenever it loads a configuration.
    llmrails.set_verbose = lambda *args, **kwargs: None
    logging.getLogger("nemoguardrails").setLevel(logging.WARNING)
    uvicorn.run(api.app, host=host, port=port, log_level="info", access_log=False)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: serve.py CONFIGURATIONS HOST PORT")
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
