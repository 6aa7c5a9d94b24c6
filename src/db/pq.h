/* SPDX-License-Identifier: Apache-2.0
 *
 * pq - libpq, loaded by who opens a store of PostgreSQL; for files of this folder
 * alone.
 *
 * libpq brings twenty libraries along (Kerberos, LDAP, GnuTLS).  Linked to the
 * program they would cost each role of each shop a megabyte and a tenth of its
 * start, also where the store is embedded.
 *
 * A role that shuts itself in loads it before: sut_db_reach_find() does.  From
 * then on it is there, and loading it again opens nothing.
 */
#ifndef SUT_DB_PQ_H
#define SUT_DB_PQ_H

#include <libpq-fe.h>

#include "base/diag.h"
#include "base/err.h"

/* All that the driver calls. */
/* clang-format off */
#define SUT_PQ_FUNCTIONS(X) \
    X(PQclear) \
    X(PQcmdStatus) \
    X(PQcmdTuples) \
    X(PQconnectPoll) \
    X(PQconnectStartParams) \
    X(PQconninfoFree) \
    X(PQconninfoParse) \
    X(PQconsumeInput) \
    X(PQerrorMessage) \
    X(PQfinish) \
    X(PQflush) \
    X(PQfreemem) \
    X(PQftype) \
    X(PQgetResult) \
    X(PQgetisnull) \
    X(PQgetlength) \
    X(PQgetvalue) \
    X(PQisBusy) \
    X(PQnfields) \
    X(PQntuples) \
    X(PQparameterStatus) \
    X(PQresultErrorField) \
    X(PQresultStatus) \
    X(PQsendPrepare) \
    X(PQsendQuery) \
    X(PQsendQueryPrepared) \
    X(PQserverVersion) \
    X(PQsetNoticeProcessor) \
    X(PQsetnonblocking) \
    X(PQsocket) \
    X(PQstatus) \
    X(PQtransactionStatus)
/* clang-format on */

struct sut_pq {
#define SUT_PQ_MEMBER(name_) __typeof__(name_) *name_;
    SUT_PQ_FUNCTIONS(SUT_PQ_MEMBER)
#undef SUT_PQ_MEMBER
};

/*
 * Fill the table; it is good until the process ends.  SYSTEM when the library is
 * not there or is too old.  From any thread.
 */
SUT_ERR sut_pq__load(struct sut_pq *ret, struct sut_diag *reterr_diag);

#endif
