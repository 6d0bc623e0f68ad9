/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cps-cardwatch knows of the readers, and what it tells when that changes. No call to PC/SC
 * here: what libpcsclite returned is given to these functions, and is hostile.
 */
#ifndef PKCS11_WATCH_H
#define PKCS11_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <winscard.h>

#define WATCH_READERS_MAX PCSCLITE_MAX_READERS_CONTEXTS

/* Sends one event; steals members (base/worker.h). */
typedef void (*watch_tell_fn)(const char *event, json_t *members);

struct watch;

struct watch *watch_new(watch_tell_fn tell);
void watch_free(struct watch *watch);

/*
 * Takes a list of readers as SCardListReaders gives it, len bytes. Readers that are not in it are
 * told as gone, new ones are remembered. Returns false, and changes nothing, when the list is not
 * a terminated multi-string. Names that are not clean UTF-8 or too long, doubles and what exceeds
 * WATCH_READERS_MAX are left out.
 */
bool watch_list(struct watch *watch, const char *list, size_t len);

/* All readers are gone, and are told so. */
void watch_forget(struct watch *watch);

/*
 * Fills states, of WATCH_READERS_MAX, for SCardGetStatusChange. Returns how many; with room to
 * spare the last one is the pseudo-reader that tells of new readers. Valid until watch_list.
 */
DWORD watch_states(const struct watch *watch, SCARD_READERSTATE *states);

/* Takes what SCardGetStatusChange answered for watch_states, and tells what is news. */
void watch_apply(struct watch *watch, const SCARD_READERSTATE *states, DWORD n);

#endif
