// What Relay's compiler reads: it holds pages, refetchable objects and unions to its own rules, not to ours.

graphql`
  fragment Operations_visits on Customer
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
  @refetchable(queryName: "OperationsVisitsQuery") {
    bills(first: $count, after: $cursor) @connection(key: "Operations_bills") {
      edges {
        node {
          id
          number
        }
      }
    }
  }
`;

graphql`
  query OperationsCustomerQuery($id: ID!) {
    customer(id: $id) {
      id
      name
      version
      ...Operations_visits
    }
  }
`;

graphql`
  mutation OperationsRenameMutation($input: UpdateCustomerInput!) {
    updateCustomer(input: $input) {
      __typename
      ... on UpdateCustomerSuccess {
        customer {
          id
          name
          version
        }
      }
      ... on Problem {
        message
      }
    }
  }
`;
