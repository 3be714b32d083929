"""The company's AWS in a process of its own, until it is ended."""

import asyncio

from sandbox.aws.world import AwsWorld


async def main() -> None:
    world = AwsWorld(scale=0.1)
    await world.start()
    print(world.endpoint_url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
