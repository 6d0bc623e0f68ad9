/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cps-cardwatch: tells the agent of readers and cards as PC/SC reports them. It waits inside
 * libpcsclite, in slices, and beats after each slice that pcscd has answered: a frozen pcscd gives
 * no beat. A pcscd that is gone or refuses is tried again when its socket appears, or after a
 * growing delay.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proto.h"
#include "base/worker.h"
#include "pkcs11/pcsc_wait.h"
#include "pkcs11/watch.h"

#define BEAT_DEFAULT_MS  (CARDWATCH_BEAT_MS * 2 / 3)
#define BEAT_MIN_MS      100
#define RETRY_FIRST_MS   1000
#define RETRY_REFUSED_MS 8000 /* a refusal costs polkit a question and a line in its journal */
#define RETRY_MAX_MS     60000
#define LIST_MAX         (WATCH_READERS_MAX * MAX_READERNAME + 1)

struct cardwatch {
    struct watch *watch;
    struct pcsc_wait *wait;
    SCARDCONTEXT context;
    int beat_ms;
    int64_t beat_at_ms;
    bool told; /* what was there when pcscd let us in */
};

static void beat(struct cardwatch *self)
{
    self->beat_at_ms = clock_boot_ms() + self->beat_ms;
    self->told = true;
    worker_event("beat", NULL);
}

static LONG list_readers(struct cardwatch *self)
{
    char list[LIST_MAX] = "";
    DWORD len = sizeof list;
    LONG rv = SCardListReaders(self->context, NULL, list, &len);

    if (rv == SCARD_E_NO_READERS_AVAILABLE) {
        watch_forget(self->watch);
        return SCARD_S_SUCCESS;
    }
    if (rv == SCARD_S_SUCCESS && (len > sizeof list || !watch_list(self->watch, list, len)))
        rv = SCARD_F_COMM_ERROR;
    return rv;
}

/*
 * Before version 2.3, pcsc-lite tells of a reader that comes only from the start of the wait: one
 * that slips in between list and wait is found after the slice, at worst.
 */
static LONG watch_once(struct cardwatch *self)
{
    SCARD_READERSTATE states[WATCH_READERS_MAX];
    DWORD n;
    LONG rv = list_readers(self);

    if (rv != SCARD_S_SUCCESS)
        return rv;
    n = watch_states(self->watch, states);
    rv = SCardGetStatusChange(self->context,
                              self->told ? (DWORD)clock_left_ms(self->beat_at_ms) : 0, states, n);
    if (rv == SCARD_S_SUCCESS)
        watch_apply(self->watch, states, n);
    if (rv == SCARD_E_TIMEOUT || rv == SCARD_E_UNKNOWN_READER)
        rv = SCARD_S_SUCCESS;
    if (rv == SCARD_S_SUCCESS && (!self->told || clock_left_ms(self->beat_at_ms) == 0))
        beat(self);
    return rv;
}

/*
 * Until pcscd fails. Returns what it failed with: once it has let us in, that is never a refusal
 * (pkcs11/pcsc_error.h).
 */
static LONG watch_readers(struct cardwatch *self)
{
    LONG rv = SCARD_S_SUCCESS;

    worker_event("pcsc", json_pack("{s:s}", "state", "up"));
    self->told = false;
    while (rv == SCARD_S_SUCCESS)
        rv = watch_once(self);
    watch_forget(self->watch);
    (void)SCardReleaseContext(self->context);
    return rv == SCARD_W_SECURITY_VIOLATION ? SCARD_F_COMM_ERROR : rv;
}

/* Tells once that there is no pcscd, or none for us. */
static void tell_down(LONG rv, const char **told)
{
    const char *state = rv == SCARD_W_SECURITY_VIOLATION ? "refused" : "down";

    if (*told != NULL && strcmp(*told, state) == 0)
        return;
    *told = state;
    log_info("pcscd: 0x%08lX", (unsigned long)rv & 0xFFFFFFFFUL);
    worker_event("pcsc", json_pack("{s:s}", "state", state));
}

static int retry_delay(enum pcsc_wait_end end, int delay_ms)
{
    if (end == PCSC_WAIT_CHANGED)
        return RETRY_FIRST_MS;
    return delay_ms * 2 < RETRY_MAX_MS ? delay_ms * 2 : RETRY_MAX_MS;
}

/* Until the agent is gone. */
static void run(struct cardwatch *self)
{
    enum pcsc_wait_end end = PCSC_WAIT_CHANGED;
    const char *told = NULL;
    int delay_ms = RETRY_FIRST_MS;

    while (end != PCSC_WAIT_ABANDONED) {
        LONG rv;

        pcsc_wait_arm(self->wait);
        rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &self->context);
        if (rv == SCARD_S_SUCCESS) {
            rv = watch_readers(self);
            told = NULL;
            delay_ms = RETRY_FIRST_MS;
        }
        tell_down(rv, &told);
        if (rv == SCARD_W_SECURITY_VIOLATION && delay_ms < RETRY_REFUSED_MS)
            delay_ms = RETRY_REFUSED_MS;
        end = pcsc_wait_run(self->wait, delay_ms, WORKER_CHANNEL_FD);
        delay_ms = retry_delay(end, delay_ms);
    }
}

/* --beat-ms N: a beat more often than the default. */
static int read_options(int argc, char **argv)
{
    static const struct option options[] = {{"beat-ms", required_argument, NULL, 'b'},
                                            {NULL, 0, NULL, 0}};
    int beat_ms = BEAT_DEFAULT_MS;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        beat_ms = c == 'b' ? atoi(optarg) : 0;
        if (beat_ms < BEAT_MIN_MS || beat_ms > CARDWATCH_BEAT_MS) {
            fprintf(stderr, "usage: cps-cardwatch [--beat-ms %d..%d]\n", BEAT_MIN_MS,
                    CARDWATCH_BEAT_MS);
            exit(EXIT_FAILURE);
        }
    }
    return beat_ms;
}

int main(int argc, char **argv)
{
    struct cardwatch self = {.beat_ms = read_options(argc, argv)};

    worker_init(PROTO_CARDWATCH, 0);
    self.watch = watch_new(worker_event);
    self.wait = pcsc_wait_new(pcsc_wait_default_path());
    if (self.watch == NULL || self.wait == NULL)
        return EXIT_FAILURE;
    run(&self);
    pcsc_wait_free(self.wait);
    watch_free(self.watch);
    return EXIT_SUCCESS;
}
