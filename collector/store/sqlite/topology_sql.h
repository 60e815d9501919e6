/* topology_sql.h - the nodes above and below one, :node itself included, as the beginning of a statement. With redundant uplinks
 * a node has several above it, and work on either may reach what hangs from it. */
#ifndef PLUMBLINE_TOPOLOGY_SQL_H
#define PLUMBLINE_TOPOLOGY_SQL_H

#define NODES_BELOW "WITH RECURSIVE below (node) AS (SELECT :node UNION" \
		    " SELECT node_parent.node FROM node_parent JOIN below ON node_parent.parent = below.node)"
#define NODES_ABOVE "WITH RECURSIVE above (node) AS (SELECT :node UNION" \
		    " SELECT node_parent.parent FROM node_parent JOIN above ON node_parent.node = above.node)"

#endif
