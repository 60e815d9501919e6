/* fixture.h - a database with one line, reports drawn as letters, and its tickets in words. */
#ifndef PLUMBLINE_DERIVE_FIXTURE_H
#define PLUMBLINE_DERIVE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/derive/fast.h"
#include "collector/derive/quality.h"
#include "collector/store/agents.h"
#include "collector/store/measurements.h"
#include "collector/store/store.h"
#include "collector/store/tickets.h"
#include "tests/unit/collector/config.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define CELL_MS   (15 * MINUTE_MS)
#define START_MS  (INT64_C(20000) * 24 * HOUR_MS)
#define HUB_MS    (5 * MINUTE_MS)   /* the hub is probed so long after the local server */

static const char yaml[] = "decision: {blind_bad: 8, blind_of: 12}\n"
			   "service_plans:\n  - {name: norm-2001, local_min: 30KB/s, hub_min: 20KB/s}\n";
static struct collector_config config;   /* of the test that runs */

static inline struct service_plan *plan(void)
{
	return config.service_plans.items;
}

struct fixture {
	char directory[64];
	struct store *store;
	struct line line;
	int64_t spool;
	int64_t seq;
	/* Of the job that runs. */
	const char *local, *hub;          /* one letter a cell: g good, b bad, u the client fills the line, a altered, space nothing;
					   * capitals are capacity probes */
	int64_t from_ms;
	int64_t now_ms;
	bool has_agent;
	enum defect defect;
	char id[ID_SIZE];
	enum ticket_state become;
	int64_t at_ms;
	json_t *shown;
};

static inline void run(struct fixture *fixture, store_job job)
{
	struct err err = { 0 };

	if (store_run(fixture->store, job, fixture, &err) < 0)
		fail_msg("%s", err.message);
}

static inline int make_line(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;
	static const unsigned char hash[TOKEN_HASH_BYTES] = { 1 }, key[PUBLIC_KEY_BYTES] = { 2 };
	struct client client = { .id = "42", .name = "Bakery", .tier = "B" };
	struct line line = { .id = "line-7", .client = "42", .service_plan = "norm-2001", .always_on = true };
	struct enrolment enrolment = { hash, key, "agent-7", "host", "0.1.0", START_MS };
	struct agent agent;

	if (client_put(txn, &client, err) < 0 || line_put(txn, &line, err) < 0 ||
	    line_get(txn, "line-7", &fixture->line, err) < 0 ||
	    token_put(txn, hash, "line-7", START_MS, START_MS + HOUR_MS, err) < 0 ||
	    agent_enrol(txn, &enrolment, &agent, err) < 0)
		return -1;
	return spool_number(txn, &agent, "00000000-0000-4000-8000-000000000007", &fixture->spool, err);
}

static inline int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct store_options options = { .readers = 1 };
	struct err err;
	char path[96];

	assert_true(sodium_init() >= 0);
	config_from_text(yaml, &config);
	strcpy(fixture->directory, "/tmp/derive-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(path, sizeof path, "%s/collector.db", fixture->directory);
	options.path = path;
	if (store_open(&options, &fixture->store, &err) < 0)
		fail_msg("%s", err.message);
	fixture->has_agent = true;
	run(fixture, make_line);
	*state = fixture;
	return 0;
}

static inline int teardown(void **state)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	struct fixture *fixture = *state;
	char path[96];

	store_close(fixture->store, NULL, NULL);
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		snprintf(path, sizeof path, "%s/collector.db%s", fixture->directory, endings[i]);
		unlink(path);
	}
	rmdir(fixture->directory);
	json_decref(fixture->shown);
	free(fixture);
	collector_config_free(&config);
	return 0;
}

static inline int put(struct txn *txn, struct fixture *fixture, enum leg leg, const char *letters, int64_t from_ms, struct err *err)
{
	for (int cell = 0; letters && letters[cell]; cell++) {
		struct measurement m;

		if (letters[cell] == ' ')
			continue;
		measurement_init(&m);
		m.leg = (int)leg;
		strcpy(m.file, leg_names[leg]);
		m.started_ms = from_ms + cell * CELL_MS;
		m.threshold_bps = leg == LEG_LOCAL ? plan()->local_min_bps : plan()->hub_min_bps;
		m.kind = strchr("GB", letters[cell]) ? KIND_CAPACITY : KIND_REFERENCE;
		m.judgement = strchr("gG", letters[cell]) ? JUDGED_GOOD : letters[cell] == 'u' ? JUDGED_SKIPPED
			    : letters[cell] == 'a' ? JUDGED_FAILED : JUDGED_BAD;
		m.reason = letters[cell] == 'u' ? REASON_BUSY : letters[cell] == 'a' ? REASON_ALTERED : REASON_NONE;
		m.cross_rx_bps = 0;
		m.throughput_bps = m.judgement == JUDGED_GOOD ? m.threshold_bps * 2 : m.threshold_bps / 2 + cell;
		m.bytes = 1048576;
		m.duration_us = 1000000;
		if (measurement_put(txn, &fixture->line, fixture->spool, ++fixture->seq, &m, err) < 0)
			return -1;
	}
	return 0;
}

/* What the ingest of a report does: stores, then derives from the oldest new one. */
static inline int ingest(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;
	int64_t from_ms = *fixture->local ? fixture->from_ms : fixture->from_ms + HUB_MS;

	if (put(txn, fixture, LEG_LOCAL, fixture->local, fixture->from_ms, err) < 0 ||
	    put(txn, fixture, LEG_HUB, fixture->hub, fixture->from_ms + HUB_MS, err) < 0)
		return -1;
	return derive_fast(txn, &config, &fixture->line, from_ms, fixture->now_ms, err);
}

/* Everything once more. */
static inline int derive_again(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;

	return derive_fast(txn, &config, &fixture->line, fixture->from_ms, fixture->now_ms, err);
}

/* Both legs from cell on: letters of the local leg and of the hub. It arrives when the last was made, or at now_ms. */
static inline void report_at(struct fixture *fixture, int cell, const char *local, const char *hub, int64_t now_ms)
{
	fixture->local = local;
	fixture->hub = hub;
	fixture->from_ms = START_MS + cell * CELL_MS;
	fixture->now_ms = now_ms;
	run(fixture, ingest);
}

static inline void report(struct fixture *fixture, int cell, const char *local, const char *hub)
{
	size_t cells = strlen(local) > strlen(hub) ? strlen(local) : strlen(hub);

	report_at(fixture, cell, local, hub, START_MS + (cell + (int64_t)cells) * CELL_MS);
}

static inline int list(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;
	struct ticket_filter filter = { .limit = 100 };

	json_decref(fixture->shown);
	fixture->shown = NULL;
	return tickets_list(txn, &filter, &fixture->shown, err);
}

/* "slow-local open, …", newest first. */
static inline void assert_tickets(struct fixture *fixture, const char *want)
{
	char got[256] = "";
	json_t *ticket;
	size_t i;

	run(fixture, list);
	json_array_foreach(json_object_get(fixture->shown, "items"), i, ticket)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s %s", i ? ", " : "",
			 json_string_value(json_object_get(ticket, "defect")),
			 json_string_value(json_object_get(ticket, "state")));
	assert_string_equal(got, want);
}

static inline int show(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;

	json_decref(fixture->shown);
	fixture->shown = NULL;
	return ticket_show(txn, fixture->id, &fixture->shown, err);
}

/* The only or newest ticket, shown whole. */
static inline json_t *show_newest(struct fixture *fixture)
{
	run(fixture, list);
	strcpy(fixture->id, json_string_value(json_object_get(json_array_get(json_object_get(fixture->shown, "items"), 0), "id")));
	run(fixture, show);
	return fixture->shown;
}

static inline void assert_chain(struct fixture *fixture, const char *want)
{
	char got[256] = "";
	json_t *move;
	size_t i;

	json_array_foreach(json_object_get(show_newest(fixture), "custody"), i, move)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s %s", i ? ", " : "",
			 json_string_value(json_object_get(move, "action")), json_string_value(json_object_get(move, "by")));
	assert_string_equal(got, want);
}

/* A person's move: fixed or closed. */
static inline int claim(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;
	struct ticket_move move = { .action = ticket_state_names[fixture->become], .by = "olga", .at_ms = fixture->at_ms };
	struct ticket ticket;

	if (ticket_get(txn, fixture->id, &ticket, err) < 0)
		return -1;
	ticket.state = (int)fixture->become;
	strcpy(ticket.holder, "pavel");
	if (fixture->become == TICKET_FIXED)
		ticket.fixed_ms = fixture->at_ms;
	else
		ticket.closed_ms = fixture->at_ms;
	if (ticket_update(txn, &ticket, err) < 0 || ticket_add_move(txn, &ticket, &move, err) < 0)
		return -1;
	return derive_fast(txn, &config, &fixture->line, fixture->at_ms, fixture->at_ms, err);
}

static inline void person_says(struct fixture *fixture, enum ticket_state become, int64_t at_ms)
{
	show_newest(fixture);
	fixture->become = become;
	fixture->at_ms = at_ms;
	run(fixture, claim);
}

static inline int64_t number(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

#define B8  "bbbbbbbb"
#define G8  "gggggggg"
#define G24 G8 G8 G8

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
