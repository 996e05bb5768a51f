import { ApolloServer, type ApolloServerOptions, type ApolloServerPlugin } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import type { GraphQLSchema } from "graphql";
import type { GraphQLContext } from "./context.ts";
import { causeToLog, formatError, withoutSuggestions } from "./error-mapping.ts";
import { complexityLimit, validationRules } from "./operation-limits.ts";
import { MAX_TOKENS } from "./request-limits.ts";

const logErrors: ApolloServerPlugin<GraphQLContext> = {
  async unexpectedErrorProcessingRequest({ requestContext, error }) {
    requestContext.contextValue.logError(error, "GraphQL request failed");
  },
  async requestDidStart() {
    return {
      async didEncounterErrors({ errors, contextValue }) {
        for (const cause of errors.map(causeToLog)) {
          if (cause !== undefined) contextValue.logError(cause, "GraphQL request failed");
        }
      },
    };
  },
};

/** Says as a header, as REST does, when to try again. */
const retryAfter: ApolloServerPlugin<GraphQLContext> = {
  async requestDidStart() {
    return {
      async willSendResponse({ response: { body, http } }) {
        const errors = (body.kind === "single" && body.singleResult.errors) || [];
        const seconds = errors.flatMap(({ extensions }) => extensions?.["retryAfterSeconds"] ?? []).map(Number);
        if (seconds.length > 0) http.headers.set("retry-after", String(Math.max(...seconds)));
      },
    };
  },
};

/** Errors in one answer. */
const MAX_ERRORS = 20;

export interface ApolloOptions {
  introspection: boolean;
  logger: ApolloServerOptions<GraphQLContext>["logger"];
}

export async function startApollo(
  schema: GraphQLSchema,
  options: ApolloOptions,
): Promise<ApolloServer<GraphQLContext>> {
  const apollo = new ApolloServer<GraphQLContext>({
    schema,
    introspection: options.introspection,
    hideSchemaDetailsFromClientErrors: !options.introspection,
    logger: options.logger,
    includeStacktraceInErrorResponses: false,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    // The process's own signal handling closes the server.
    stopOnTerminationSignals: false,
    persistedQueries: false,
    parseOptions: { maxTokens: MAX_TOKENS },
    validationRules,
    validationOptions: { maxErrors: MAX_ERRORS },
    formatError: options.introspection ? formatError : withoutSuggestions(formatError),
    plugins: [logErrors, retryAfter, complexityLimit, ApolloServerPluginLandingPageDisabled()],
  });
  await apollo.start();
  return apollo;
}
