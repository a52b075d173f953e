"""Ends TLS for the vendor's hosts on loopback, and carries what is inside to a plain listener.

A connection to 127.A.B.1:443 goes on to 127.0.0.1, port A * 256 + B: whoever is led to an address names the listener by it.
"""

import asyncio
import ssl
import sys


async def pump(reader, writer):
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def carry(reader, writer):
    _, high, low, _ = (int(part) for part in writer.get_extra_info("sockname")[0].split("."))
    plain_reader, plain_writer = await asyncio.open_connection("127.0.0.1", high * 256 + low)
    await asyncio.gather(pump(reader, plain_writer), pump(plain_reader, writer))


async def main(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(carry, "0.0.0.0", 443, ssl=context)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
