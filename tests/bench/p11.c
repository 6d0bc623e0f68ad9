/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that signs with a PKCS#11 module, and how long that takes:
 *   bench-p11 [-t SECONDS] [-p PIN] [-c CORE] [-w] MODULE LABEL
 * loads it, takes the first token, logs in when a PIN is given, finds the private key of that label
 * and signs until the time is over. -w: says "ready" and waits for a line before it signs. Prints
 * one JSON object: calls, wall_s, p50_us, p99_us, find_us, own_s, cold_ms (from loading the module
 * to the first signature) and failed.
 */
#include <dlfcn.h>
#include <err.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/clocks.h"

#define TIMES_MAX  200000
#define FINDS      200
#define DIGESTINFO 51

struct options {
    double seconds;
    const char *pin;
    int core;
    bool wait;
    const char *module;
    const char *label;
};

static CK_FUNCTION_LIST *f;
static int64_t times[TIMES_MAX];

static void check(CK_RV rv, const char *what)
{
    if (rv != CKR_OK)
        errx(EXIT_FAILURE, "%s: %#lx", what, rv);
}

static void read_options(int argc, char **argv, struct options *options)
{
    int c;

    *options = (struct options){.seconds = 1, .core = -1};
    while ((c = getopt(argc, argv, "t:p:c:w")) != -1) {
        if (c == 't')
            options->seconds = atof(optarg);
        else if (c == 'p')
            options->pin = optarg;
        else if (c == 'c')
            options->core = atoi(optarg);
        else if (c == 'w')
            options->wait = true;
        else
            exit(EXIT_FAILURE);
    }
    if (optind + 2 != argc)
        errx(EXIT_FAILURE, "MODULE LABEL");
    options->module = argv[optind];
    options->label = argv[optind + 1];
}

static void load(const char *module)
{
    void *library = dlopen(module, RTLD_NOW);
    CK_C_GetFunctionList get;

    if (library == NULL)
        errx(EXIT_FAILURE, "%s", dlerror());
    get = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    if (get == NULL)
        errx(EXIT_FAILURE, "%s: not a module", module);
    check(get(&f), "C_GetFunctionList");
    check(f->C_Initialize(NULL), "C_Initialize");
}

static CK_SESSION_HANDLE open_session(const char *pin)
{
    CK_SLOT_ID slots[64];
    CK_ULONG n = 64;
    CK_SESSION_HANDLE session = 0;

    check(f->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    if (n == 0)
        errx(EXIT_FAILURE, "no token");
    check(f->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
    if (pin != NULL)
        check(f->C_Login(session, CKU_USER, (unsigned char *)(size_t)pin, strlen(pin)), "C_Login");
    return session;
}

static CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE session, const char *label)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class},
                               {CKA_LABEL, (void *)(size_t)label, strlen(label)}};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG n = 0;

    check(f->C_FindObjectsInit(session, template, 2), "C_FindObjectsInit");
    check(f->C_FindObjects(session, &key, 1, &n), "C_FindObjects");
    check(f->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    if (n == 0)
        errx(EXIT_FAILURE, "no key %s", label);
    return key;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    static const unsigned char head[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                         0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    static unsigned char data[DIGESTINFO];
    CK_MECHANISM mechanism = {.mechanism = CKM_RSA_PKCS};
    unsigned char signature[512];
    CK_ULONG len = sizeof signature;
    CK_RV rv = f->C_SignInit(session, &mechanism, key);

    memcpy(data, head, sizeof head);
    data[DIGESTINFO - 1]++;
    return rv != CKR_OK ? rv : f->C_Sign(session, data, sizeof data, signature, &len);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void report(size_t calls, size_t failed, int64_t wall_ns, int64_t find_ns, int64_t cold_ns)
{
    qsort(times, calls, sizeof times[0], by_value);
    printf("{\"calls\": %zu, \"failed\": %zu, \"wall_s\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f,"
           " \"find_us\": %.2f, \"cold_ms\": %.3f, \"own_s\": %.6f}\n",
           calls, failed, (double)wall_ns / 1e9, calls > 0 ? clocks_us(times[calls / 2]) : 0,
           calls > 0 ? clocks_us(times[calls * 99 / 100]) : 0, clocks_us(find_ns) / FINDS,
           clocks_us(cold_ns) / 1e3, clocks_us(clocks_cpu_ns(0)) / 1e6);
}

int main(int argc, char **argv)
{
    struct options options;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    int64_t begin, cold_ns, find_ns, start, last;
    size_t calls = 0, failed = 0;
    char line[16];

    read_options(argc, argv, &options);
    clocks_pin(options.core);
    begin = clocks_now_ns();
    load(options.module);
    session = open_session(options.pin);
    key = find_key(session, options.label);
    check(sign(session, key), "C_Sign");
    start = clocks_now_ns();
    cold_ns = start - begin;
    for (int i = 0; i < FINDS; i++)
        (void)find_key(session, options.label);
    find_ns = clocks_now_ns() - start;
    if (options.wait &&
        (puts("ready") < 0 || fflush(stdout) != 0 || fgets(line, sizeof line, stdin) == NULL))
        errx(EXIT_FAILURE, "nobody says go");
    start = last = clocks_now_ns();
    while (calls < TIMES_MAX && (double)(last - start) < options.seconds * 1e9) {
        int64_t now;

        failed += sign(session, key) != CKR_OK;
        now = clocks_now_ns();
        times[calls++] = now - last;
        last = now;
    }
    report(calls, failed, last - start, find_ns, cold_ns);
    check(f->C_Finalize(NULL), "C_Finalize");
    return 0;
}
