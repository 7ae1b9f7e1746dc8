"""One HTTP request through a proxy with Python's standard library.

    python-client.py (urllib|http.client) PROXY CA_FILE METHOD URL < body > answer's body

The status and the reason phrase go to standard error.
"""

import http.client
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request


def with_urllib(proxy, context, method, url, body):
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"http": proxy, "https": proxy}),
        urllib.request.HTTPSHandler(context=context),
    )
    request = urllib.request.Request(url, data=body or None, method=method)
    try:
        return opener.open(request)
    except urllib.error.HTTPError as error:
        return error


def with_http_client(proxy, context, method, url, body):
    at = urllib.parse.urlsplit(proxy)
    target = urllib.parse.urlsplit(url)
    if target.scheme == "https":
        connection = http.client.HTTPSConnection(at.hostname, at.port, context=context)
    else:
        connection = http.client.HTTPConnection(at.hostname, at.port)
    # Up to Python 3.11 this says `CONNECT host:port HTTP/1.0`, without any field.
    connection.set_tunnel(target.hostname, target.port)
    path = urllib.parse.urlunsplit(("", "", target.path or "/", target.query, ""))
    connection.request(method, path, body=body or None)
    return connection.getresponse()


def main():
    library, proxy, ca_file, method, url = sys.argv[1:]
    ask = {"urllib": with_urllib, "http.client": with_http_client}[library]
    context = ssl.create_default_context(cafile=ca_file)
    try:
        response = ask(proxy, context, method, url, sys.stdin.buffer.read())
    except OSError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    sys.stdout.buffer.write(response.read())
    sys.stderr.write(f"{response.status} {response.reason}")


main()
