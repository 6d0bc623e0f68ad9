/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks cps-agent who is at the desk: login by card, then a signed statement as JSON on standard
 * output. cc login.c -lcps-agent -o login && ./login
 */
#include <cps/agent.h>
#include <stdio.h>
#include <stdlib.h>

static void on_notification(void *user, const char *method, const char *params)
{
    (void)user;
    fprintf(stderr, "%s %s\n", method, params); /* "progress": what the user is being asked */
}

int main(void)
{
    cps_agent *agent = NULL;
    char *statement = NULL;
    cps_error error = cps_agent_connect(NULL, CPS_AGENT_TIMEOUT_MS, &agent);

    if (error != CPS_OK) {
        fprintf(stderr, "%s\n", cps_error_get_text(error)->message_fr);
        return EXIT_FAILURE;
    }
    cps_agent_on_notification(agent, on_notification, NULL);
    error = cps_agent_hello(agent, "login.c", "1", CPS_AGENT_TIMEOUT_MS);
    if (error == CPS_OK)
        error = cps_agent_call(agent, "session.login", "{\"method\": \"card\"}",
                               CPS_AGENT_LOGIN_TIMEOUT_MS, NULL);
    if (error == CPS_OK) /* the audience and its nonce come from the program that will check */
        error =
            cps_agent_call(agent, "statement.get",
                           "{\"audience\": \"https://dpi.example\", \"nonce\": \"n-0S6_WzA2Mj\"}",
                           CPS_AGENT_TIMEOUT_MS, &statement);
    if (error == CPS_OK)
        puts(statement);
    else
        fprintf(stderr, "%s: %s\n", cps_error_name(error), cps_agent_failure(agent));
    free(statement);
    cps_agent_free(agent);
    return error == CPS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
