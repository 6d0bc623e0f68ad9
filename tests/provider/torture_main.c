/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tortures a PKCS#11 module with a card in its first slot: provider-torture MODULE CASE. Says
 * "point" and waits for a line on standard input where the test has something to do meanwhile.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/provider/torture.h"

#define THREADS    8
#define ROUNDS     12
#define SIGNATURE  256
#define DIGESTINFO 51

static const char aut_label[] = "CPS_PRIV_AUT";

void expect(bool ok, const char *what, ...)
{
    va_list ap;

    if (ok)
        return;
    va_start(ap, what);
    fputs("wrong: ", stdout);
    vprintf(what, ap);
    putchar('\n');
    va_end(ap);
    fflush(stdout);
    _exit(1);
}

void expect_rv(CK_RV rv, CK_RV wanted, const char *what)
{
    expect(rv == wanted, "%s: %#lx, not %#lx", what, rv, wanted);
}

void sync_with_test(const char *point)
{
    char line[16];

    puts(point);
    fflush(stdout);
    expect(fgets(line, sizeof line, stdin) != NULL, "the test is gone");
}

CK_OBJECT_HANDLE subject_find(const struct subject *subject, CK_OBJECT_CLASS class,
                              const char *label)
{
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class},
                               {CKA_LABEL, (void *)(size_t)label, strlen(label)}};
    CK_OBJECT_HANDLE handle = 0;
    CK_ULONG n = 0;

    expect_rv(subject->f->C_FindObjectsInit(subject->session, template, label[0] != '\0' ? 2 : 1),
              CKR_OK, "C_FindObjectsInit");
    expect_rv(subject->f->C_FindObjects(subject->session, &handle, 1, &n), CKR_OK, "C_FindObjects");
    expect_rv(subject->f->C_FindObjectsFinal(subject->session), CKR_OK, "C_FindObjectsFinal");
    return n == 1 ? handle : 0;
}

bool subject_open(struct subject *subject)
{
    CK_RV rv = subject->f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &subject->session);

    if (rv == CKR_TOKEN_NOT_PRESENT)
        return false;
    expect_rv(rv, CKR_OK, "C_OpenSession");
    subject->key = subject_find(subject, CKO_PRIVATE_KEY, aut_label);
    subject->certificate = subject_find(subject, CKO_CERTIFICATE, "");
    expect(subject->key != 0 && subject->certificate != 0, "key and certificate are there");
    return true;
}

CK_RV subject_sign(const struct subject *subject)
{
    CK_MECHANISM mechanism = {.mechanism = CKM_RSA_PKCS};
    unsigned char data[DIGESTINFO] = {0x30}, signature[SIGNATURE];
    CK_ULONG len = sizeof signature;
    CK_RV rv = subject->f->C_SignInit(subject->session, &mechanism, subject->key);

    return rv != CKR_OK ? rv
                        : subject->f->C_Sign(subject->session, data, sizeof data, signature, &len);
}

static void arguments_of_initialize(CK_FUNCTION_LIST *f)
{
    CK_C_INITIALIZE_ARGS odd = {.pReserved = &odd};

    expect_rv(f->C_Initialize(&odd), CKR_ARGUMENTS_BAD, "a reserved argument");
    odd = (CK_C_INITIALIZE_ARGS){.flags = CKF_OS_LOCKING_OK};
    odd.LockMutex = (CK_LOCKMUTEX)(void *)arguments_of_initialize;
    expect_rv(f->C_Initialize(&odd), CKR_ARGUMENTS_BAD, "one mutex function");
    expect_rv(f->C_GetFunctionList(NULL), CKR_ARGUMENTS_BAD, "C_GetFunctionList");
}

static void run_arguments(struct subject *subject)
{
    expect(subject_open(subject), "a token");
    torture_arguments(subject);
}

static void run_sequences(struct subject *subject)
{
    expect(subject_open(subject), "a token");
    torture_sequences(subject);
    torture_signature(subject);
}

/* Each thread has a session of its own; two of them share one at the end. */
static void *sign_rounds(void *user)
{
    struct subject own = {.f = user};

    for (int i = 0; i < ROUNDS; i++) {
        expect(subject_open(&own), "a token for each thread");
        expect_rv(subject_sign(&own), CKR_OK, "a signature in a thread");
        expect_rv(own.f->C_CloseSession(own.session), CKR_OK, "C_CloseSession");
    }
    return NULL;
}

static void *sign_shared(void *user)
{
    for (int i = 0; i < ROUNDS; i++) {
        CK_RV rv = subject_sign(user);

        expect(rv == CKR_OK || rv == CKR_OPERATION_ACTIVE || rv == CKR_OPERATION_NOT_INITIALIZED,
               "a session shared by two threads: %#lx", rv);
    }
    return NULL;
}

static void in_threads(void *(*what)(void *), void *user, size_t n)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < n; i++)
        expect(pthread_create(&threads[i], NULL, what, user) == 0, "pthread_create");
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

static void run_threads(struct subject *subject)
{
    in_threads(sign_rounds, subject->f, THREADS);
    expect(subject_open(subject), "a token");
    in_threads(sign_shared, subject, 2);
}

/* A child must initialize for itself, and the parent must not notice. */
static void in_child(struct subject *subject)
{
    CK_SESSION_INFO info;

    expect_rv(subject->f->C_GetSessionInfo(subject->session, &info), CKR_CRYPTOKI_NOT_INITIALIZED,
              "a session of the parent");
    torture_uninitialized(subject->f);
    expect_rv(subject->f->C_Initialize(NULL), CKR_OK, "C_Initialize in the child");
    expect_rv(subject->f->C_GetSessionInfo(subject->session, &info), CKR_SESSION_HANDLE_INVALID,
              "a session of the parent, again");
    expect(subject_open(subject), "a token for the child");
    expect_rv(subject_sign(subject), CKR_OK, "a signature in the child");
    expect_rv(subject->f->C_Finalize(NULL), CKR_OK, "C_Finalize in the child");
}

static void fork_once(struct subject *subject)
{
    pid_t pid;
    int status = -1;

    fflush(stdout);
    pid = fork();
    expect(pid >= 0, "fork");
    if (pid == 0) {
        in_child(subject);
        _exit(0);
    }
    expect(waitpid(pid, &status, 0) == pid && status == 0, "the child: %d", status);
}

static void *sign_until_told(void *user)
{
    struct subject own = {.f = ((struct subject *)user)->f};
    const bool *stop = (const bool *)&((struct subject *)user)->certificate;

    while (!__atomic_load_n(stop, __ATOMIC_SEQ_CST)) {
        expect(subject_open(&own), "a token");
        expect_rv(subject_sign(&own), CKR_OK, "a signature beside forks");
        expect_rv(own.f->C_CloseSession(own.session), CKR_OK, "C_CloseSession");
    }
    return NULL;
}

static void run_fork(struct subject *subject)
{
    struct subject shared = {.f = subject->f};
    pthread_t thread;

    expect(subject_open(subject), "a token");
    fork_once(subject);
    expect_rv(subject_sign(subject), CKR_OK, "the parent's session");
    expect(pthread_create(&thread, NULL, sign_until_told, &shared) == 0, "pthread_create");
    for (int i = 0; i < 5; i++)
        fork_once(subject);
    __atomic_store_n((bool *)&shared.certificate, true, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    expect_rv(subject_sign(subject), CKR_OK, "the parent's session in the end");
}

/* The next event, if any, is about slot 0; there is no other one after it. */
static void expect_event(struct subject *subject, bool wanted, const char *what)
{
    CK_SLOT_ID slot = 99;

    if (wanted) {
        expect_rv(subject->f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_OK, what);
        expect(slot == 0, "%s: slot %lu", what, slot);
    }
    expect_rv(subject->f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT, what);
}

/* The test takes the card out, and puts it in again. */
static void run_removal(struct subject *subject)
{
    CK_SESSION_INFO info;
    CK_SLOT_INFO slot;
    CK_SESSION_HANDLE old;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE label = {.type = CKA_LABEL};

    expect_event(subject, false, "a card that was there from the start");
    expect(subject_open(subject), "a token");
    old = subject->session;
    key = subject->key;
    sync_with_test("take it out");
    expect_event(subject, true, "the card goes");
    expect_rv(subject->f->C_GetSlotInfo(0, &slot), CKR_OK, "C_GetSlotInfo");
    expect((slot.flags & CKF_TOKEN_PRESENT) == 0, "the card is gone");
    expect_rv(subject->f->C_GetSessionInfo(old, &info), CKR_DEVICE_REMOVED, "its session");
    expect_rv(subject->f->C_GetSessionInfo(old, &info), CKR_SESSION_HANDLE_INVALID, "then");
    expect(!subject_open(subject), "no session without a card");
    sync_with_test("put it in");
    expect_event(subject, true, "the card comes");
    expect_rv(subject->f->C_GetSessionInfo(old, &info), CKR_SESSION_HANDLE_INVALID, "the old one");
    expect(subject_open(subject), "a token again");
    expect(subject->key != key, "another insertion has other handles");
    expect_rv(subject->f->C_GetAttributeValue(subject->session, key, &label, 1),
              CKR_OBJECT_HANDLE_INVALID, "an object of before");
    expect_rv(subject_sign(subject), CKR_OK, "a signature with the card put in again");
}

/* The agent is not there at all: no token, and no harm. */
static void run_away(struct subject *subject)
{
    CK_ULONG n = 9;
    CK_SLOT_INFO slot;

    expect_rv(subject->f->C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK, "C_GetSlotList");
    expect(n == 0, "%lu tokens", n);
    expect_rv(subject->f->C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK, "C_GetSlotList");
    expect(n == 4, "%lu slots", n);
    expect_rv(subject->f->C_GetSlotInfo(0, &slot), CKR_OK, "C_GetSlotInfo");
    expect(!subject_open(subject), "no session");
    sync_with_test("looked");
    (void)subject_open(subject);
}

/* Signs when told to, and says what came of it. */
static void run_sign(struct subject *subject)
{
    expect(subject_open(subject), "a token");
    sync_with_test("ready");
    printf("%#lx\n", subject_sign(subject));
}

static const struct {
    const char *name;
    void (*run)(struct subject *subject);
} cases[] = {
    {"arguments", run_arguments}, {"sequences", run_sequences}, {"threads", run_threads},
    {"fork", run_fork},           {"removal", run_removal},     {"away", run_away},
    {"sign", run_sign},
};

int main(int argc, char **argv)
{
    void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
    CK_C_GetFunctionList get = NULL;
    struct subject subject = {0};

    expect(library != NULL, "module: %s", argc == 3 ? dlerror() : "MODULE CASE");
    get = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    expect(get != NULL && get(&subject.f) == CKR_OK, "no C_GetFunctionList");
    torture_uninitialized(subject.f);
    arguments_of_initialize(subject.f);
    expect_rv(subject.f->C_Initialize(NULL), CKR_OK, "C_Initialize");
    expect_rv(subject.f->C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED, "twice");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (strcmp(cases[i].name, argv[2]) == 0)
            cases[i].run(&subject);
    expect_rv(subject.f->C_Finalize(NULL), CKR_OK, "C_Finalize");
    torture_uninitialized(subject.f);
    dlclose(library);
    puts("done");
    return 0;
}
