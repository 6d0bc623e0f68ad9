/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a pcscd that is not there: its socket's appearance is an event, time the fallback. */
#ifndef PKCS11_PCSC_WAIT_H
#define PKCS11_PCSC_WAIT_H

struct pcsc_wait;

/* The socket's path as libpcsclite has it: PCSCLITE_CSOCK_NAME, or Debian's. NULL: no memory. */
struct pcsc_wait *pcsc_wait_new(const char *socket_path);
void pcsc_wait_free(struct pcsc_wait *wait);

const char *pcsc_wait_default_path(void);

/*
 * Watches for the socket from now on. Call it before trying to connect, so that a pcscd that
 * starts in between is not missed.
 */
void pcsc_wait_arm(struct pcsc_wait *wait);

enum pcsc_wait_end { PCSC_WAIT_CHANGED, PCSC_WAIT_TIMEOUT, PCSC_WAIT_ABANDONED };

/*
 * Waits until something changes at the socket's place (since arming), timeout_ms is over, or the
 * other side of the socket fd has gone (-1: none).
 */
enum pcsc_wait_end pcsc_wait_run(struct pcsc_wait *wait, int timeout_ms, int fd);

#endif
