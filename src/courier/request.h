/* SPDX-License-Identifier: Apache-2.0
 *
 * request - what a worker asks for, read and held against the table.
 *
 * The worker is taken for hostile: what a worker of ours never sends is an error, and
 * ends its connection.  Slices lie in the message.  No I/O; any thread.
 */
#ifndef SUT_COURIER_REQUEST_H
#define SUT_COURIER_REQUEST_H

#include "base/err.h"
#include "base/str.h"
#include "ipc/courier_wire.h"

struct sut_request {
    enum sut_errand_purpose purpose;
    unsigned timeout_ms;
    sut_str url;
    sut_str text;
    sut_str signature;
    /* Of a call. */
    enum sut_errand_method method;
    sut_str path;
    sut_str key;
    sut_str type; /* of an object, whose name is the path */
    /* Of a mail. */
    sut_str from;
    sut_str to;
    sut_str message;
};

/* PARSE: no such message; DENIED: one that the table does not allow. */
SUT_ERR sut_request_read(uint16_t type, sut_str fields, struct sut_request *ret);

#endif
