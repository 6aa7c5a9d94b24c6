/* SPDX-License-Identifier: Apache-2.0
 *
 * words - what the supervisor and its roles say to each other over their lines
 * (ipc/line.h): one list, so that both sides read the same.
 *
 *   to the keeper      PEERS    n sockets, each a connection of the worker
 *                      TLS_KEY  bytes: a private key (PEM); the last two are kept
 *                      PING     is it there? It answers HERE, soon
 *   from the keeper    READY    (after master and settings are in) u64 1: it may replace the
 *                               master key (--next=make), 0: it may not
 *                      TLS_OK   bytes: the key's id · TLS_BAD bytes: why
 *                      HERE     the answer to a PING
 *   to the courier     PEERS    n sockets, each a connection of the worker
 *                      PING     as to the keeper
 *                      CLAMD    a socket, connected to clamd; none: it can't be had
 *   from the courier   READY    (after its settings are in)
 *                      HERE
 *                      REST     nobody asked for a while: it could end
 *                      EMPTY    (after REST) it has no connection any more
 *                      ASK_CLAMD  a connection to the clamd of the settings that is at a unix path
 *   to the worker      KEEPER   n sockets: connections to the keeper, in place of older ones
 *                      COURIER  n sockets: connections to the courier, in place of older ones
 *                      DARKROOM 1 socket: a connection for one picture
 *                      CERT     bytes: the certificate's chain (PEM); its key is with the keeper
 *                      DONE     u64 0 or 1, bytes: why not; the answer to an ask
 *   from the worker    READY
 *                      ASK_MASTER_NEXT   the keeper shall make the next master key beside this one
 *                      ASK_MASTER_ADOPT  and use that alone
 *                      ASK_TLS           read certificate and key anew
 *                      FEW      few connections to the keeper are left: make new ones
 *                      FEW_COURIER  the same of the courier's
 *
 * One ask at a time; the worker waits for DONE.  KEEPER comes before the DONE of a
 * master ask: then the new keeper answers.  SIGHUP to the supervisor is ASK_TLS.
 */
#ifndef SUT_PROG_WORDS_H
#define SUT_PROG_WORDS_H

enum sut_word {
    SUT_WORD_READY = 1,
    SUT_WORD_PEERS,
    SUT_WORD_TLS_KEY,
    SUT_WORD_TLS_OK,
    SUT_WORD_TLS_BAD,
    SUT_WORD_KEEPER,
    SUT_WORD_CERT,
    SUT_WORD_DONE,
    SUT_WORD_ASK_MASTER_NEXT,
    SUT_WORD_ASK_MASTER_ADOPT,
    SUT_WORD_ASK_TLS,
    SUT_WORD_FEW,
    SUT_WORD_PING,
    SUT_WORD_HERE,
    SUT_WORD_COURIER,
    SUT_WORD_REST,
    SUT_WORD_EMPTY,
    SUT_WORD_FEW_COURIER,
    SUT_WORD_DARKROOM,
    SUT_WORD_ASK_CLAMD,
    SUT_WORD_CLAMD,
};

enum { SUT_WORD_PEM_MAX = 64 * 1024, SUT_WORD_TEXT_MAX = 512 };

#endif
