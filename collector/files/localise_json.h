/* localise_json.h - networks with the states of their leaves from JSON, and the culprits as JSON (contract, section 5).
 * Ownership: the answer is the caller's (json_decref). Threads: pure.
 * Source:    decide/localise.h decides; here are only the shapes. */
#ifndef PLUMBLINE_LOCALISE_JSON_H
#define PLUMBLINE_LOCALISE_JSON_H

#include <jansson.h>

#include "agent/base/err.h"

/* Of {"nodes": [{"id", "parents"}], "leaves": [{"id", "node", "state", "hard"?}]} the answer {"culprits", "isolated",
 * "hints"}; of an array of such networks the array of answers, in the same order. Fails with ERR_INPUT about the first
 * fault, which the message names by its path, "[2].leaves[7].node: …", and says what to do about. The caller has bounded
 * the size of what was parsed. */
int localise_json(const json_t *input, json_t **ret_answer, struct err *err);

#endif
