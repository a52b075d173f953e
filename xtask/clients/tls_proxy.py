"""A TLS proxy for Anthropic's hosts: terminates TLS on loopback and forwards the plain bytes to a listener.

A connection to 127.A.B.1:443 is forwarded to 127.0.0.1, port A * 256 + B: the address selects the listener.
"""

import asyncio
import ssl
import sys


async def copy(reader, writer):
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def forward(reader, writer):
    _, high, low, _ = (int(part) for part in writer.get_extra_info("sockname")[0].split("."))
    plain_reader, plain_writer = await asyncio.open_connection("127.0.0.1", high * 256 + low)
    await asyncio.gather(copy(reader, plain_writer), copy(plain_reader, writer))


async def main(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(forward, "0.0.0.0", 443, ssl=context)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
