/* clients_csv.h - clients.csv (contract, section 2): clients and their lines of service, a row a line.
 * A client with several lines has several rows, which must agree in name, tier, key and manager; its contact is that of
 * the first. always_on is yes unless the file says otherwise.
 * Ownership: clients_csv_parse makes the arrays, clients_csv_free releases them. Threads: pure. */
#ifndef PLUMBLINE_CLIENTS_CSV_H
#define PLUMBLINE_CLIENTS_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "collector/store/clients.h"

struct clients_csv {
	struct client *clients;   /* in the order in which they appear first */
	size_t client_count;
	struct line *lines;       /* in the file's order; numbers are 0 */
	size_t line_count;
};

/* What a row may name. A function that is NULL is not asked. */
struct clients_csv_known {
	bool (*plan)(void *context, const char *name);
	bool (*node)(void *context, const char *id);
	void *context;
};

/* The whole file or nothing: with any fault it returns -1 with ERR_INPUT, and *ret_faults has a line
 * "name:LINE:COLUMN: what, what to do" for every one. name stands for the file. */
int clients_csv_parse(const char *name, const char *bytes, size_t length, const struct clients_csv_known *known,
		      struct clients_csv *ret_clients, struct buf *ret_faults, struct err *err);
void clients_csv_free(struct clients_csv *clients);

#endif
