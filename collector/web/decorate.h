/* decorate.h - gives values that people should not have to decode a sibling with a text for them.
 *
 *   "opened_ms": 1793…            "opened_text": "22 Nov 2026 15:16" and "opened_iso": "2026-11-22T12:16:00.000Z"
 *   "throughput_bps": 94100000    "throughput_text": "94.1 Mbit/s"        likewise _us, _bytes and bytes
 *   "coverage": 98                "coverage_text": "98 %"
 *   "state": "open"               "state_text": the word's message, or the word itself when there is none
 *   "id": "a/b"                   "id_path": "a%2Fb", for addresses
 *
 * Ownership: changes the value it is given, which nobody else may use meanwhile. Threads: pure otherwise.
 * Source:    contract, conventions; messages.h for the words. */
#ifndef PLUMBLINE_DECORATE_H
#define PLUMBLINE_DECORATE_H

#include <jansson.h>

#include "agent/base/buf.h"
#include "collector/web/format.h"

/* The value and everything below it. Numbers below zero (JSON_ABSENT) and null get no sibling. */
void decorate(json_t *value, const struct reader *reader);

/* The message of prefix.word, or the word itself. */
const char *decorate_word(const struct reader *reader, const char *prefix, const char *word);

#endif
