// Everything that the till asks. Each result of a mutation is a union: `__typename` says what it is.

import { gql } from "urql";

export const SIGN_IN = gql`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      __typename
      ... on SignInSuccess { accessToken refreshToken expiresAt }
      ... on Problem { message }
    }
  }
`;

export const REFRESH = gql`
  mutation Refresh($input: RefreshTokensInput!) {
    refreshTokens(input: $input) {
      __typename
      ... on RefreshTokensSuccess { accessToken refreshToken expiresAt }
      ... on Problem { message }
    }
  }
`;

export const SIGN_OUT = gql`
  mutation SignOut {
    signOut(input: {}) { __typename }
  }
`;

export const ME = gql`
  query Me {
    salon { name }
    viewer { displayName permissions branches { id name timeZone } }
  }
`;

export const MENU = gql`
  query Menu($branchId: ID!) {
    services(first: 100, filter: { isActive: true }) {
      nodes { id name category price durationMinutes }
    }
    staff(first: 50, filter: { branchId: $branchId, isActive: true, isServiceProvider: true }) {
      nodes { id displayName }
    }
  }
`;

// The list and the moment at which it was read, in one query: subscribed behind that moment, nothing is missed.
export const LATEST = gql`
  query Latest($branchId: ID!) {
    viewer { eventCursor }
    bills(first: 12, filter: { branchId: $branchId, status: POSTED }, orderBy: NEWEST) {
      nodes { id number total postedAt customer { name } lines { id description } payments { id method } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

export const EARLIER = gql`
  query Earlier($branchId: ID!, $after: String!) {
    bills(first: 12, after: $after, filter: { branchId: $branchId, status: POSTED }, orderBy: NEWEST) {
      nodes { id number total postedAt customer { name } lines { id description } payments { id method } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

export const POSTED = gql`
  subscription Posted($branchId: ID, $after: EventCursor) {
    billPosted(branchId: $branchId, after: $after) {
      cursor
      bill { id number total postedAt customer { name } lines { id description } payments { id method } }
    }
  }
`;

export const TODAY = gql`
  subscription Today($branchId: ID, $seesRevenue: Boolean!) {
    dashboardChanged(branchId: $branchId) {
      billCount
      customerCount
      salesTotal @include(if: $seesRevenue)
    }
  }
`;

export const SELL = gql`
  mutation Sell($input: CheckOutInput!) {
    checkOut(input: $input) {
      __typename
      ... on CheckOutSuccess { bill { id number total payments { id change } } }
      ... on PaymentsDoNotAddUp { due }
      ... on InvalidInput { issues { path message } }
      ... on Problem { message }
    }
  }
`;
