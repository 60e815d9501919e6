#include "agent/base/random.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void fill_system(void *context, void *ret_bytes, size_t length)
{
	(void)context;
	randombytes_buf(ret_bytes, length);
}

struct random_source random_system(void)
{
	return (struct random_source){ .fill = fill_system };
}

static void fill_seeded(void *context, void *ret_bytes, size_t length)
{
	uint64_t *state = context;
	unsigned char *bytes = ret_bytes;

	while (length) {
		uint64_t word;
		size_t take = length < sizeof word ? length : sizeof word;

		*state ^= *state >> 12;
		*state ^= *state << 25;
		*state ^= *state >> 27;
		word = *state * 0x2545F4914F6CDD1DULL;
		memcpy(bytes, &word, take);
		bytes += take;
		length -= take;
	}
}

struct random_source random_seeded(uint64_t *state)
{
	return (struct random_source){ .fill = fill_seeded, .context = state };
}

void random_fill(const struct random_source *source, void *ret_bytes, size_t length)
{
	source->fill(source->context, ret_bytes, length);
}

uint64_t random_below(const struct random_source *source, uint64_t bound)
{
	uint64_t biased = UINT64_MAX - UINT64_MAX % bound;   /* at and above this the remainder is not uniform */
	uint64_t word;

	do
		random_fill(source, &word, sizeof word);
	while (word >= biased);
	return word % bound;
}

void random_hex(const struct random_source *source, size_t bytes, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes; i++) {
		unsigned char byte;

		random_fill(source, &byte, 1);
		ret_text[2 * i] = digits[byte >> 4];
		ret_text[2 * i + 1] = digits[byte & 15];
	}
	ret_text[2 * bytes] = '\0';
}

void random_uuid(const struct random_source *source, char ret_text[UUID_SIZE])
{
	unsigned char b[16];

	random_fill(source, b, sizeof b);
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(ret_text, UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
		 b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}
