/* instruction.h - what the collector asks of this agent (as in RFC 7594), or what agent.yaml asks of one that works alone.
 *
 * Data only: thresholds, files, times. It is checked whole before any of it is used; a bad one changes nothing. The last
 * good one lies on disk beside its ETag, so that an agent that starts without its collector goes on measuring.
 *
 * Units:   thresholds in bit/s of TCP payload, whatever layer they were stated for (U3); intervals in milliseconds.
 * Source:  contract 3; methodology U3, P1.  Ownership: plain values.  Threads: pure but for load and save. */
#ifndef PLUMBLINE_INSTRUCTION_H
#define PLUMBLINE_INSTRUCTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent_keys.h"
#include "agent/base/err.h"
#include "agent/base/key_checks.h"
#include "agent/base/measurement.h"

#define INSTRUCTION_FILES   REFERENCE_FILES_MAX
#define INSTRUCTION_WINDOWS 64
#define INSTRUCTION_ORDERS  64
#define INSTRUCTION_BYTES   262144   /* the longest text that is read */
#define ETAG_SIZE           128

struct instruction_file {
	char name[REFERENCE_NAME_LENGTH_MAX + 1];
	int leg;                 /* enum leg */
	char url[REFERENCE_URL_LENGTH_MAX + 1];
	int64_t size_bytes;      /* JSON_ABSENT: not stated */
	char sha256[65];         /* "": the content is not checked */
	int nonce;               /* enum nonce, of nonce_names */
};

enum nonce { NONCE_OPTIONAL, NONCE_REQUIRED };

struct instruction_window {
	int64_t from_ms, to_ms;
};

struct instruction_order {
	char id[64];
	int leg;
	int64_t placed_ms, expires_ms;
};

struct instruction {
	char version[64];                   /* "" when it comes from agent.yaml */
	char line[64];
	int64_t threshold_bps[LEG_COUNT];   /* 0: none */
	int64_t interval_ms, report_ms;
	int64_t budget_bytes;               /* a month (P4) */
	struct instruction_file files[INSTRUCTION_FILES];
	size_t file_count;
	struct instruction_window maintenance[INSTRUCTION_WINDOWS];
	size_t maintenance_count;
	struct instruction_order orders[INSTRUCTION_ORDERS];
	size_t order_count;
};

/* Fails with ERR_INPUT or ERR_FORBIDDEN (a host outside the targets), naming the field: "reference_files[1]: url: ...". */
int instruction_parse(const char *text, size_t length, const struct key_texts *targets, struct instruction *ret,
		      struct err *err);

/* The plan of agent.yaml. Fails with ERR_USAGE when it does not fit. */
int instruction_from_config(const struct agent_config *config, struct instruction *ret, struct err *err);

/* Keeps the text as it came, with its ETag. Fails with ERR_IO. */
int instruction_save(const char *path, const char *etag, const char *text, size_t length, struct err *err);

/* Fails with ERR_NOT_FOUND when none was saved, else as instruction_parse does. */
int instruction_load(const char *path, const struct key_texts *targets, struct instruction *ret,
		     char ret_etag[ETAG_SIZE], struct err *err);

/* Keeps why an instruction was refused, for `status`. Fails with ERR_IO. */
int refusal_save(const char *path, const char *etag, const char *why, int64_t at_ms, struct err *err);

/* {etag, why, at_ms}. Fails with ERR_NOT_FOUND when the one in force was the last to arrive. */
int refusal_load(const char *path, json_t **ret_refusal, struct err *err);

/* The leg's smallest reference file, which the scheduled probe fetches, or NULL. */
const struct instruction_file *instruction_file(const struct instruction *instruction, enum leg leg);

bool instruction_in_maintenance(const struct instruction *instruction, int64_t realtime_ms);

#endif
