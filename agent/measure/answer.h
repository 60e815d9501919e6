/* answer.h - what the headers, status and length of an answer say about a measurement.
 * Threads: pure. Source: methodology 5.2 (content and cache), 7 (H2, H3), 2 (T10); contract, reference files. */
#ifndef PLUMBLINE_ANSWER_H
#define PLUMBLINE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/measurement.h"
#include "agent/measure/transfer.h"

/* Age above 0, or X-Cache or Cache-Status (RFC 9211) names a hit. */
bool answer_is_cached(const struct transfer_result *result);

/* The echo differs, or is missing from a complete answer although it is required. */
bool answer_nonce_is_wrong(const struct transfer_result *result, const char *nonce, bool required);

/* H3: from which load on a server counts as busy, in percent; 0: whatever it states. */
struct busy_limits {
	int64_t nic_percent, cpu_percent;
};

/* 503, 429, or the server states that much. */
bool answer_server_is_busy(const struct transfer_result *result, const struct busy_limits *limits);

/* The transfer's own failure, or that of a body whose length or digest (sha256: of a complete body, NULL when not
 * computed) is not the one expected. size_bytes and expected_sha256 may be 0 and NULL: not stated. */
enum reason answer_find_failure(const struct transfer_result *result, int64_t size_bytes, const char *expected_sha256,
				const char *sha256);

#endif
