#include "agent/uplink/targets.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/mem.h"

#define HOST_SIZE 256

struct address {
	int family;                /* AF_UNSPEC: not an address */
	unsigned char bytes[16];
	int bits;                  /* how many of them count */
};

static struct address parse_address(const char *text)
{
	struct address address = { .family = AF_UNSPEC };

	if (inet_pton(AF_INET, text, address.bytes) == 1)
		address = (struct address){ .family = AF_INET, .bits = 32,
					    .bytes = { address.bytes[0], address.bytes[1], address.bytes[2],
						       address.bytes[3] } };
	else if (inet_pton(AF_INET6, text, address.bytes) == 1) {
		address.family = AF_INET6;
		address.bits = 128;
	}
	return address;
}

static struct address parse_network(const char *text)
{
	const char *slash = strchr(text, '/');
	struct address network;
	char host[HOST_SIZE], *end;
	long bits;

	if (!slash || (size_t)(slash - text) >= sizeof host)
		return parse_address(text);
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	network = parse_address(host);
	bits = strtol(slash + 1, &end, 10);
	if (*end || end == slash + 1 || bits < 0 || bits > network.bits)
		return (struct address){ .family = AF_UNSPEC };
	network.bits = (int)bits;
	return network;
}

static bool is_within(const struct address *network, const struct address *address)
{
	size_t whole = (size_t)network->bits / 8;
	int rest = network->bits % 8;

	if (network->family == AF_UNSPEC || network->family != address->family ||
	    memcmp(network->bytes, address->bytes, whole) != 0)
		return false;
	return !rest || (network->bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

bool targets_allow(const struct key_texts *allowed, const char *host)
{
	char bare[HOST_SIZE];
	struct address address;
	size_t length;

	if (text_copy(bare, sizeof bare, host[0] == '[' ? host + 1 : host) < 0)
		return false;
	length = strlen(bare);
	if (host[0] == '[' && length && bare[length - 1] == ']')
		bare[length - 1] = '\0';
	address = parse_address(bare);
	for (size_t i = 0; i < allowed->count; i++) {
		struct address network = parse_network(allowed->items[i]);

		if (!strcasecmp(allowed->items[i], bare) || is_within(&network, &address))
			return true;
	}
	return false;
}

static int check_parts(const struct key_texts *allowed, CURLU *parts, const char *url, struct err *err)
{
	char *scheme = NULL, *host = NULL;
	int rc = -1;

	if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		err_set(err, ERR_INPUT, "must be an http or https URL");
	else if (!targets_allow(allowed, host))
		err_set(err, ERR_FORBIDDEN, "host %s is not among the targets this agent allows", host);
	else
		rc = 0;
	curl_free(scheme);
	curl_free(host);
	return rc;
}

int targets_check_url(const struct key_texts *allowed, const char *url, struct err *err)
{
	CURLU *parts = curl_url();
	int rc;

	if (!parts)
		return err_set(err, ERR_INTERNAL, "out of memory");
	rc = check_parts(allowed, parts, url, err);
	curl_url_cleanup(parts);
	return rc;
}
