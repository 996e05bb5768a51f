import { ApolloServer, type ApolloServerPlugin } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import type { GraphQLSchema } from "graphql";
import type { GraphQLContext } from "./context.ts";
import { formatError, isInternal } from "./error-mapping.ts";
import { complexityLimit, MAX_TOKENS, validationRules } from "./limits.ts";

/** Logs what clients aren't told, and names the request in every error. */
const requestErrors: ApolloServerPlugin<GraphQLContext> = {
  async unexpectedErrorProcessingRequest({ requestContext, error }) {
    requestContext.contextValue.logError(error, "GraphQL request failed");
  },
  async requestDidStart() {
    return {
      async didEncounterErrors({ errors, contextValue }) {
        for (const error of errors) {
          if (isInternal(error)) contextValue.logError(error.originalError ?? error, "GraphQL request failed");
        }
      },
      async willSendResponse({ response, contextValue }) {
        if (response.body.kind !== "single") return;
        const { requestId } = contextValue;
        response.body.singleResult.errors = response.body.singleResult.errors?.map((error) => ({
          ...error,
          extensions: { ...error.extensions, requestId },
        }));
        if (response.body.singleResult.errors === undefined) delete response.body.singleResult.errors;
      },
    };
  },
};

export interface ApolloOptions {
  introspection: boolean;
}

export async function startApollo(
  schema: GraphQLSchema,
  options: ApolloOptions,
): Promise<ApolloServer<GraphQLContext>> {
  const apollo = new ApolloServer<GraphQLContext>({
    schema,
    introspection: options.introspection,
    includeStacktraceInErrorResponses: false,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    // The process's own signal handling closes the server.
    stopOnTerminationSignals: false,
    persistedQueries: false,
    parseOptions: { maxTokens: MAX_TOKENS },
    validationRules,
    formatError,
    plugins: [requestErrors, complexityLimit, ApolloServerPluginLandingPageDisabled()],
  });
  await apollo.start();
  return apollo;
}
