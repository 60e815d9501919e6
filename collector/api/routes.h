/* routes.h - the table of routes, and the steps of every noun that it names.
 *
 * A page lives at its route's address without "/api/v1"; rows without that prefix exist only as they stand.
 * Threads: route_of is pure; steps run on store threads. */
#ifndef PLUMBLINE_ROUTES_H
#define PLUMBLINE_ROUTES_H

#include "collector/api/api.h"

/* Finds call->route by its method and path, and whether it is a page. Where there is none, it is a route whose read step
 * fails with what is wrong. */
void routes_find(struct api_call *call);

int enroll_read(struct api_call *call, struct txn *txn, struct err *err);
int enroll_write(struct api_call *call, struct txn *txn, struct err *err);
int reports_read(struct api_call *call, struct txn *txn, struct err *err);
int reports_write(struct api_call *call, struct txn *txn, struct err *err);
int instruction_read(struct api_call *call, struct txn *txn, struct err *err);

int session_read(struct api_call *call, struct txn *txn, struct err *err);
int session_write(struct api_call *call, struct txn *txn, struct err *err);
int session_end(struct api_call *call, struct txn *txn, struct err *err);
int login_show(struct api_call *call, struct txn *txn, struct err *err);
int home_show(struct api_call *call, struct txn *txn, struct err *err);

int agents_read(struct api_call *call, struct txn *txn, struct err *err);
int clients_read(struct api_call *call, struct txn *txn, struct err *err);
int client_read(struct api_call *call, struct txn *txn, struct err *err);
int measurements_read(struct api_call *call, struct txn *txn, struct err *err);
int history_read(struct api_call *call, struct txn *txn, struct err *err);
int outages_read(struct api_call *call, struct txn *txn, struct err *err);

int orders_read(struct api_call *call, struct txn *txn, struct err *err);
int order_place_read(struct api_call *call, struct txn *txn, struct err *err);
int order_place_write(struct api_call *call, struct txn *txn, struct err *err);

int maintenance_read(struct api_call *call, struct txn *txn, struct err *err);
int maintenance_plan_read(struct api_call *call, struct txn *txn, struct err *err);
int maintenance_plan_write(struct api_call *call, struct txn *txn, struct err *err);
int maintenance_end_write(struct api_call *call, struct txn *txn, struct err *err);

int tickets_read(struct api_call *call, struct txn *txn, struct err *err);
int ticket_read(struct api_call *call, struct txn *txn, struct err *err);
int ticket_move_read(struct api_call *call, struct txn *txn, struct err *err);
int ticket_move_write(struct api_call *call, struct txn *txn, struct err *err);

int incidents_read(struct api_call *call, struct txn *txn, struct err *err);
int incident_read(struct api_call *call, struct txn *txn, struct err *err);
int incident_move_read(struct api_call *call, struct txn *txn, struct err *err);
int incident_move_write(struct api_call *call, struct txn *txn, struct err *err);
int topology_read(struct api_call *call, struct txn *txn, struct err *err);

int ready_read(struct api_call *call, struct txn *txn, struct err *err);

#endif
