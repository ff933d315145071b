"""
FILE: cost_limit.py

DESCRIPTION:
    A limit of the cost: after each response, a listener computes what all of them have
    cost, and closes the client when the limit is reached.

USAGE:
    python samples/cost_limit.py [LIMIT]

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

import sys

from _service import service

from azure_realtime import AzureRealTimeAudio, ConnectionClosed, Prices
from azure_realtime.events import ResponseDone


def main(limit: float) -> None:
    prices = Prices.published("gpt-realtime")  # the model behind your deployment
    with service() as options, AzureRealTimeAudio(options) as client:

        @client.on(ResponseDone)
        def check(_: ResponseDone) -> None:
            if client.usage.cost(prices) >= limit:
                client.close()

        try:
            for number in range(1, 100):
                turn = client.ask(f"Tell me fact number {number}.", timeout=60)
                print(turn.text)
                print(f"{client.usage.cost(prices):.6f} of {limit} {prices.currency}")
        except ConnectionClosed:
            if client.usage.cost(prices) < limit:
                raise  # the connection was lost
            print("The limit is reached.")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.02)
